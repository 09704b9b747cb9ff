select id
from chainwright.runs
where completed_at = 0 and owner = '' and status = 'queued'
order by row_number() over (partition by principal order by key), key
limit $1
