-- The Wilson score interval of a share, 95 %: E. B. Wilson, "Probable inference, the law of succession, and statistical
-- inference", 1927. NULL of nothing. Statements name it instead of writing it out twice for each figure.
CREATE OR REPLACE FUNCTION romashka_wilson_low AS (part, whole) ->
    if(
        whole = 0,
        NULL,
        greatest(
            0.,
            (
                part / nullIf(whole, 0) + 3.841458820694124 / nullIf(whole, 0) / 2
                - 1.959963984540054 * sqrt(
                    part / nullIf(whole, 0) * (1 - part / nullIf(whole, 0)) / nullIf(whole, 0)
                    + 3.841458820694124 / nullIf(whole, 0) / (4 * nullIf(whole, 0))
                )
            ) / (1 + 3.841458820694124 / nullIf(whole, 0))
        )
    );

CREATE OR REPLACE FUNCTION romashka_wilson_high AS (part, whole) ->
    if(
        whole = 0,
        NULL,
        least(
            1.,
            (
                part / nullIf(whole, 0) + 3.841458820694124 / nullIf(whole, 0) / 2
                + 1.959963984540054 * sqrt(
                    part / nullIf(whole, 0) * (1 - part / nullIf(whole, 0)) / nullIf(whole, 0)
                    + 3.841458820694124 / nullIf(whole, 0) / (4 * nullIf(whole, 0))
                )
            ) / (1 + 3.841458820694124 / nullIf(whole, 0))
        )
    );
