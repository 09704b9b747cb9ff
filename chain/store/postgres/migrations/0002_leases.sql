-- A run in progress has an owner, or none ('') until wake_at. epoch grows with
-- each claim, and crashes is how many owners in a row were lost without progress.
alter table chainwright.runs
  add column epoch bigint not null default 0,
  add column crashes integer not null default 0,
  add column owned_at timestamptz not null default clock_timestamp(),
  add column wake_at timestamptz;
