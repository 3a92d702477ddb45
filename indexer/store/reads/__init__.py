"""What the API reads from Postgres: one .sql file a question, one Python module a family of questions.

Owns the connections of an API worker and the mapping between outer names (DIDs, handles, AT-URIs) and the compact
keys of the tables. Refuses to know JSON, lexicons or who is asking why.
"""
