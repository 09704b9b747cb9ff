-- Small values that processes share until a time: keys for signatures, and what
-- was used up.
create table notes (
  kind  text not null,
  name  text not null,
  value blob not null,
  at    integer not null,
  until integer not null,
  primary key (kind, name)
) without rowid;
