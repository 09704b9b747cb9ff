insert into chainwright.notes (kind, name, value, until)
values ($1, $2, $3::bytea, clock_timestamp() + make_interval(secs => $4::float8))
on conflict (kind, name) do update set value = excluded.value, at = excluded.at, until = excluded.until
where notes.until <= clock_timestamp()
