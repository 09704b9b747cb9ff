-- there: the run exists. free: it has ended, is the claimer's, or its owner was
-- not seen for $4 seconds. taken: it is as the claimer read it, and now its.
with there as (
  select r.key, r.seq, r.status, r.owner,
    (select o.beat_at from chainwright.owners o where o.id = r.owner) as beat_at
  from chainwright.runs r where r.id = $1 for update
), free as (
  select key, seq from there
  where status not in ('pending', 'in_progress') or owner in ($2, '')
    or coalesce(abs(extract(epoch from clock_timestamp() - beat_at)) > $4::float8, true)
), taken as (
  update chainwright.runs r set owner = $2, status = 'in_progress', problem = '', completed_at = 0,
    epoch = r.epoch + 1, crashes = $5, owned_at = clock_timestamp(), wake_at = null, within = $6
  from free where r.key = free.key and free.seq = $3
  returning 1
)
select (select count(*) from there), (select count(*) from free), (select count(*) from taken)
