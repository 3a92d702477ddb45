-- A copy of the database {original}, which nobody uses meanwhile, under the name {copy}. For the benchmark of reads.
CREATE DATABASE "{copy}" TEMPLATE "{original}"
