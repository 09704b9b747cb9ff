insert into chainwright.runs (id, principal, name, owner, status, problem, arguments, created_at, completed_at, attempts, result, policy, config, trace,
  kind, user_id, idem_key, digest, counts, max_parallel, on_failure, seq, labels)
select *, 'call', '', '', '', '', 1, 'continue', 2, ''
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::bigint[], $9::bigint[], $10::int[], $11::bytea[],
  $12::text[], $13::text[], $14::text[])
on conflict (id) do nothing
