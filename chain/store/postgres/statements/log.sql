insert into chainwright.logs (run, task, pos, element, attempt, log, at, size, text)
select r.key, $2::int, $3::bigint + coalesce((
  select l.pos + l.size from chainwright.logs l where l.run = r.key and l.task = $2::int order by l.pos desc limit 1), 0), $4::int, $5::int, $6::bigint, $7::bigint, $8::int, $9::bytea
from chainwright.runs r where r.id = $1
on conflict (run, task, log, at) do nothing
