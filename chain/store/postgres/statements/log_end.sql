select coalesce((select l.pos + l.size from chainwright.logs l
  where l.run = r.key and l.task = $2::int and ($3::int = 0 or l.element = $3::int) order by l.pos desc limit 1), 0)
from chainwright.runs r where r.id = $1
