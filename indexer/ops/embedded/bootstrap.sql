ALTER ROLE {user} PASSWORD '{password}'
CREATE DATABASE {database}
