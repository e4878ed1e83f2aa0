-- Amounts have up to four decimals: currencies have none (JPY) to four (CLF), and two of KWD's three were kept. What is stored
-- keeps its value. A worker from before goes on writing two decimals, which are converted.
ALTER TABLE conversation_outcomes MODIFY COLUMN business_value_generated Nullable(Decimal(38, 4));

ALTER TABLE conversation_facts
    MODIFY COLUMN value Decimal(38, 4),
    MODIFY COLUMN sales Decimal(38, 4),
    MODIFY COLUMN refunds Decimal(38, 4);

ALTER TABLE customer_conversations
    MODIFY COLUMN sales Decimal(38, 4),
    MODIFY COLUMN refunds Decimal(38, 4);

ALTER TABLE conversation_sales
    MODIFY COLUMN sales Decimal(38, 4),
    MODIFY COLUMN refunds Decimal(38, 4);

ALTER TABLE conversation_hours
    MODIFY COLUMN value_sum Decimal(38, 4),
    MODIFY COLUMN value_squares Decimal(38, 8);

ALTER TABLE conversation_days
    MODIFY COLUMN value_sum Decimal(38, 4),
    MODIFY COLUMN value_squares Decimal(38, 8);

ALTER TABLE predictive_insights MODIFY COLUMN predicted_value Nullable(Decimal(38, 4));
