-- Business impact says how much it rests on, and whether it changed after its period was over.
--
-- treated and control are the conversations (customers for customer_retention) with the integration's data and without
-- any. A row of a period that is over is written again only when late facts change it: revision grows and restated_at
-- says when. Added columns cost nothing until rows are rewritten.

ALTER TABLE business_impact_metrics
    ADD COLUMN IF NOT EXISTS treated UInt64 DEFAULT 0,
    ADD COLUMN IF NOT EXISTS control UInt64 DEFAULT 0,
    ADD COLUMN IF NOT EXISTS revision UInt32 DEFAULT 1,
    ADD COLUMN IF NOT EXISTS restated_at Nullable(DateTime64(3, 'UTC'));
