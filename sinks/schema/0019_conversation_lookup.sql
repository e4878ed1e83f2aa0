-- Conversations that were touched since the last roll-up are looked up by their ids, of which a few hundred lie spread
-- over everything: the index says in which granules they cannot be.
ALTER TABLE conversation_outcomes
    ADD INDEX IF NOT EXISTS by_conversation conversation_id TYPE bloom_filter(0.01) GRANULARITY 1;

ALTER TABLE conversation_intelligence
    ADD INDEX IF NOT EXISTS by_conversation conversation_id TYPE bloom_filter(0.01) GRANULARITY 1;

ALTER TABLE conversation_facts
    ADD INDEX IF NOT EXISTS by_conversation conversation_id TYPE bloom_filter(0.01) GRANULARITY 1;

ALTER TABLE conversation_outcomes MATERIALIZE INDEX by_conversation;

ALTER TABLE conversation_intelligence MATERIALIZE INDEX by_conversation;

ALTER TABLE conversation_facts MATERIALIZE INDEX by_conversation;
