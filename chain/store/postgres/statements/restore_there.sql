-- The runs with these ids, with the last transition of each.
select r.id, r.seq, r.completed_at, coalesce(t.task, 0), coalesce(t.element, 0), coalesce(t.seq, 0), coalesce(t.state, ''), coalesce(t.at, 0)
from chainwright.runs r
  left join lateral (select * from chainwright.transitions t where t.run = r.key order by t.seq desc limit 1) t on true
where r.id = any($1::text[])
for update of r
