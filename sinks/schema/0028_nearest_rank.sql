-- Quantiles by nearest rank, rounded up: of n values the one at rank ceil(q * n), at least the first. Of 10, 20 and 1000
-- the 95 % quantile is 1000. The same reading as models/histogram.py; the slack is for products such as 0.07 * 100.
CREATE OR REPLACE FUNCTION romashka_quantile AS (histogram, q) ->
    if(
        arraySum(tupleElement(histogram, 2)) = 0,
        NULL,
        arrayElement(
            arrayMap(bucket -> if(bucket = -1, 0., 2 * pow(1.01, bucket) / 2.01), tupleElement(histogram, 1)),
            arrayFirstIndex(
                below -> below >= greatest(1., ceil(q * arraySum(tupleElement(histogram, 2)) - 1e-9)),
                arrayCumSum(tupleElement(histogram, 2))
            )
        )
    );
