-- Adds the transitions of a batch, if the statement before has locked the run.
insert into chainwright.transitions (run, task, element, seq, state, attempt, at, started_at, next_at, generation, skip, problem, size, result, approval)
select runs.key, t.*
from chainwright.runs, unnest($5::int[], $6::int[], $7::bigint[], $8::text[], $9::int[], $10::bigint[], $11::bigint[], $12::bigint[], $13::int[],
  $14::text[], $15::text[], $16::int[], $17::bytea[], $18::text[]) t
where runs.id = $1 and runs.epoch = $2 and (runs.owner = $3 or $4 and runs.owner = '')
on conflict (run, task, seq) do nothing
