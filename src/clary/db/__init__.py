"""The database: engine, transactions, column types. No table of the product's own lives here."""
