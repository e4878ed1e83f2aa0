-- What was erased (romashka privacy erase). The pseudonyms are kept until Kafka has deleted the messages too, so that what a
-- restarted worker reads again is erased again, and then forgotten. Without pseudonyms the whole tenant was erased.
CREATE TABLE IF NOT EXISTS privacy_erasures
(
    id UUID,
    user_id UUID,
    whole_tenant Bool,
    pseudonyms Array(String) TTL expires_at,
    replacement String COMMENT 'a random value that keeps the counts right and leads to nobody',
    erased_at DateTime64(3, 'UTC'),
    expires_at DateTime('UTC') COMMENT 'when Kafka has deleted what it had at the moment of the erasure'
)
ENGINE = MergeTree
ORDER BY (user_id, erased_at);

-- Pseudonyms under old keys and what each becomes: filled and emptied by the job "re-keying".
CREATE TABLE IF NOT EXISTS pseudonym_mapping
(
    user_id UUID,
    old String,
    new String
)
ENGINE = Join(ANY, LEFT, user_id, old);
