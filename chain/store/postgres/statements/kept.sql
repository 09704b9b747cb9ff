select name, value from chainwright.notes
where kind = $1 and starts_with(name, $2) and until > clock_timestamp()
order by at desc limit $3
