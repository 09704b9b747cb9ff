-- A run in progress has an owner, or none ('') until wake_at. epoch grows with
-- each claim, and crashes is how many owners in a row were lost without progress.
alter table runs add column epoch integer not null default 0;
alter table runs add column crashes integer not null default 0;
alter table runs add column owned_at integer not null default 0;
alter table runs add column wake_at integer not null default 0;

create index runs_open on runs (owner) where completed_at = 0;
