-- The run's row is locked by the statement before, so that this one sees what
-- other processes wrote. ours: the run is the writer's. changed: a task or an
-- element has changed, and nothing is written.
with ours as (
  select key from chainwright.runs where id = $1 and owner = $2 and epoch = $3
), changed as (
  select 1 from ours, unnest($9::int[], $10::int[], $11::bigint[]) g (task, element, after)
  where exists (select 1 from chainwright.transitions t
    where t.run = ours.key and t.task = g.task and t.element = g.element and t.seq > g.after)
), held as (
  update chainwright.runs r set
    seq = r.seq + $4,
    counts = case when $5 = '' then r.counts else $5 end,
    status = case when $6 = '' then r.status else $6 end,
    problem = case when $6 = '' then r.problem else $7 end,
    completed_at = case when $6 = '' then r.completed_at else $8 end
  from ours
  where r.key = ours.key and not exists (select 1 from changed)
  returning r.key, r.seq
), added as (
  insert into chainwright.transitions (run, seq, task, element, state, attempt, at, started_at, next_at, generation, skip, problem, size, result, approval)
  select held.key, held.seq - $4 + t.number, t.task, t.element, t.state, t.attempt, t.at, t.started_at, t.next_at, t.generation, t.skip, t.problem, t.size, t.result, t.approval
  from held, unnest($12::int[], $13::int[], $14::text[], $15::int[], $16::bigint[], $17::bigint[], $18::bigint[], $19::int[],
    $20::text[], $21::text[], $22::int[], $23::bytea[], $24::text[]) with ordinality
    t (task, element, state, attempt, at, started_at, next_at, generation, skip, problem, size, result, approval, number)
)
select exists (select 1 from ours), exists (select 1 from changed), coalesce((select seq from held), 0), exists (select 1 from chainwright.runs where id = $1)
