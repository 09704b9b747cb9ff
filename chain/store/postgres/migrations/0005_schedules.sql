-- The schedules of saved trees, one row a schedule. The record is JSON; version
-- grows with each write.
create table chainwright.schedules (
  tree    text primary key,
  version bigint not null,
  record  text not null
);

-- The processes that fire schedules, and when each was last seen alive by the
-- server's clock.
create table chainwright.schedulers (
  id      text primary key,
  beat_at timestamptz not null default clock_timestamp()
);
