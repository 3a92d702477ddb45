-- No post that is indexed was written later than this (ms).
SELECT coalesce(max(event_at), (extract(epoch FROM now()) * 1000)::bigint) AS newest FROM cursor;
