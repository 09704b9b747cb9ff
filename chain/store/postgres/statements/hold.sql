-- Locks a run that is its owner's, and changes what a batch changes of it. A
-- release may be sent again, when the run has no owner any more.
update chainwright.runs set
  seq = greatest(seq, $3),
  counts = case when $4 = '' then counts else $4 end,
  owner = case when $9 then '' else owner end,
  wake_at = case when $9 then to_timestamp($10::bigint / 1e9) else wake_at end,
  status = case when $5 = '' then status else $5 end,
  problem = case when $5 = '' then problem else $6 end,
  completed_at = case when $5 = '' then completed_at else $7 end
where id = $1 and epoch = $8 and (owner = $2 or $9 and owner = '' and seq = $3)
