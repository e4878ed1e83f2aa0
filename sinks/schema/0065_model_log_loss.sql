-- Which estimator a row of the quality is of ('logistic-1', 'forest-1'), and its log loss beside that of the prior: the
-- challenger is promoted on log loss alone. Null in rows of earlier versions.
ALTER TABLE customer_model_quality
    ADD COLUMN IF NOT EXISTS estimator LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS log_loss Nullable(Float64),
    ADD COLUMN IF NOT EXISTS log_loss_of_prior Nullable(Float64);
