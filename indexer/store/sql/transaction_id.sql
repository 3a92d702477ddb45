-- By which this transaction can be asked after, should its commit not be answered.
SELECT pg_current_xact_id()::text
