"""The pieces of SQL that every figure is built of: the query context, the dialects, formulas, conditions."""
