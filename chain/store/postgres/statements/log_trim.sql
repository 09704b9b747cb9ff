delete from chainwright.logs
where run = (select key from chainwright.runs where id = $1) and task = $2::int and log = $3::bigint and at < $4::bigint and at + size <= $4::bigint
