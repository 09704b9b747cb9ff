insert into chainwright.transitions (run, task, element, seq, state, attempt, at, started_at, next_at, generation, skip, problem, size, result, approval)
select (select key from chainwright.runs where id = $1), t.*
from unnest($2::int[], $3::int[], $4::bigint[], $5::text[], $6::int[], $7::bigint[], $8::bigint[], $9::bigint[], $10::int[],
  $11::text[], $12::text[], $13::int[], $14::bytea[], $15::text[]) t
