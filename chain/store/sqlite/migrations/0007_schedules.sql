-- The schedules of saved trees, one row a schedule. The record is JSON; version
-- grows with each write.
create table schedules (
  tree    text primary key,
  version integer not null,
  record  text not null
) without rowid;

-- The processes that fire schedules, and when each was last seen alive.
create table schedulers (
  id      text primary key,
  beat_at integer not null
) without rowid;
