with old as (
  delete from chainwright.runs where key in (
    select key from chainwright.runs
    where completed_at > 0 and completed_at <= $1::bigint and status not in ('pending', 'in_progress')
      and ($3::text[] is null or id = any($3))
    order by completed_at limit $2 for update skip locked)
  returning key, id
), more as (delete from chainwright.transitions using old where run = old.key),
  trees as (delete from chainwright.trees using old where run = old.key),
  logs as (delete from chainwright.logs using old where run = old.key),
  answers as (delete from chainwright.answers using old where run = old.id),
  cancels as (delete from chainwright.cancels using old where run = old.id)
select coalesce(array_agg(id), '{}') from old
