with held as (
  update chainwright.runs set
    seq = greatest(seq, $3),
    counts = case when $4 = '' then counts else $4 end,
    owner = case when $22 then '' else owner end,
    wake_at = case when $22 then to_timestamp($23::bigint / 1e9) else wake_at end,
    status = case when $5 = '' then status else $5 end,
    problem = case when $5 = '' then problem else $6 end,
    completed_at = case when $5 = '' then completed_at else $7 end
  where id = $1 and epoch = $21 and (owner = $2 or $22 and owner = '' and seq = $3)
  returning key
), added as (
  insert into chainwright.transitions (run, task, element, seq, state, attempt, at, started_at, next_at, generation, skip, problem, size, result, approval)
  select held.key, t.*
  from held, unnest($8::int[], $9::int[], $10::bigint[], $11::text[], $12::int[], $13::bigint[], $14::bigint[], $15::bigint[], $16::int[],
    $17::text[], $18::text[], $19::int[], $20::bytea[], $24::text[]) t
  on conflict (run, task, seq) do nothing
)
select (select count(*) from held), exists (select 1 from chainwright.runs where id = $1)
