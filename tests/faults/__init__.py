"""The ingest process against everything that breaks, compared with the model."""
