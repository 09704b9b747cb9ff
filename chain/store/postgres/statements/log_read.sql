select pos, element, attempt, log, at, text from chainwright.logs
where run = $1::bigint and task = $2::int and pos > $3::bigint - $4::int and pos + size > $3::bigint and ($5::int = 0 or element = $5::int)
order by pos limit $6::int
