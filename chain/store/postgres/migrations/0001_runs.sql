-- The processes that drive runs, and when each was last seen alive by the
-- server's clock.
create table chainwright.owners (
  id         text primary key,
  pid        integer not null,
  host       text not null,
  started_at timestamptz not null default clock_timestamp(),
  beat_at    timestamptz not null default clock_timestamp()
);

-- One row a run. A direct call that was recorded behind its answer is only
-- this row: attempts is set, and problem and result are its outcome. Times are
-- nanoseconds since 1970. What is empty is '' or 0.
create table chainwright.runs (
  key          bigint generated always as identity primary key,
  id           text not null unique,
  kind         text not null,
  principal    text not null,
  name         text not null,
  user_id      text not null,
  idem_key     text not null,
  digest       text not null,
  owner        text not null,
  status       text not null,
  counts       text not null,
  problem      text not null,
  arguments    bytea, -- of a call
  max_parallel integer not null,
  on_failure   text not null,
  seq          bigint not null,
  created_at   bigint not null,
  completed_at bigint not null,
  attempts     integer,
  result       bytea,
  policy       text not null,
  config       text not null,
  trace        text not null,
  labels       text not null
) with (fillfactor = 80);

create unique index runs_by_key on chainwright.runs (principal, idem_key) where idem_key <> '';
create index runs_by_end on chainwright.runs (completed_at) where completed_at > 0;
create index runs_by_owner on chainwright.runs (owner) where completed_at = 0;

-- What a tree run was asked to do: apart from its row, which changes often.
create table chainwright.trees (
  run    bigint primary key,
  tree   bytea,
  inputs bytea,
  tasks  bytea not null,
  parent text not null
);

-- What happened to a run's tasks (task -1: to the run), in sequence. element is
-- counted from 1, and 0 is the task as a whole.
create table chainwright.transitions (
  run        bigint not null,
  task       integer not null,
  seq        bigint not null,
  element    integer not null,
  state      text not null,
  attempt    integer not null,
  at         bigint not null,
  started_at bigint not null,
  next_at    bigint not null,
  generation integer not null,
  skip       text not null,
  problem    text not null,
  size       integer not null,
  result     bytea,
  primary key (run, task, seq)
);

-- Requests that a run, or one of its tasks, be cancelled by its owner.
create table chainwright.cancels (
  number bigint generated always as identity primary key,
  run    text not null,
  task   integer not null,
  at     timestamptz not null default clock_timestamp()
);
create index cancels_by_run on chainwright.cancels (run);
