-- Small values that processes share until a time by the server's clock: keys for
-- signatures, and what was used up.
create table chainwright.notes (
  kind  text collate "C" not null,
  name  text collate "C" not null,
  value bytea not null,
  at    timestamptz not null default clock_timestamp(),
  until timestamptz not null,
  primary key (kind, name)
);
