-- What a report is about. Who may see it depends on that, and it was read from the name of its file; rows from before
-- this migration still have it from there, and none where whoever made it chose a name that does not tell.

ALTER TABLE generated_reports
    ADD COLUMN IF NOT EXISTS type LowCardinality(String)
    DEFAULT extract(file_url, '/(executive|operational|integration|conversation|predictive)-[^/]*$') AFTER title;
