with kept as (
  insert into chainwright.runs (id, kind, principal, name, user_id, idem_key, digest, owner, status, counts, problem, arguments,
    max_parallel, on_failure, seq, created_at, completed_at, policy, config, trace, labels, attempts, result, within)
  values ($1, $2, $3, $4, $5, $6, $7, '', $8, $9, $10, $11::bytea, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22::bytea, $27)
  returning key
)
insert into chainwright.trees (run, tree, inputs, tasks, parent)
select key, $23::bytea, $24::bytea, $25::bytea, $26 from kept where $25::bytea is not null
