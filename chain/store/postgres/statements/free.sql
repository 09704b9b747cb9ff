select r.id
from chainwright.runs r
left join chainwright.owners o on o.id = r.owner
left join chainwright.trees t on t.run = r.key
where r.completed_at = 0 and r.status <> 'queued'
  and not exists (select 1 from chainwright.runs p where p.id = t.parent and p.completed_at = 0)
  and case when r.owner = '' then coalesce(r.wake_at <= clock_timestamp(), true)
      or exists (select 1 from chainwright.answers a where a.run = r.id and not a.taken)
      or exists (select 1 from chainwright.cancels c where c.run = r.id)
    else r.owner not like $3 and coalesce(abs(extract(epoch from clock_timestamp() - o.beat_at)) > $1::float8, true) end
order by r.key
limit $2
