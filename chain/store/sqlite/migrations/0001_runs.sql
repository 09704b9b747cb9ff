-- The processes that drive runs, and when each was last seen alive.
create table owners (
  id         text primary key,
  pid        integer not null,
  host       text not null,
  started_at integer not null,
  beat_at    integer not null
) without rowid;

-- One row a run. A direct call that was recorded behind its answer is only
-- this row: attempts is set, and problem and result are its outcome.
create table runs (
  key          integer primary key,
  id           text not null unique,
  kind         text not null,
  principal    text not null,
  name         text not null,
  user_id      text not null,
  idem_key     text,
  digest       text,
  owner        text not null,
  status       text not null,
  counts       text,
  problem      text,
  arguments    blob, -- of a call
  max_parallel integer not null,
  on_failure   text not null,
  seq          integer not null,
  created_at   integer not null,
  completed_at integer not null,
  attempts     integer,
  result       blob
);

create unique index runs_by_key on runs (principal, idem_key) where idem_key is not null;

-- What a tree run was asked to do: apart from its row, which changes often.
create table trees (
  run    integer primary key,
  tree   blob,
  inputs blob,
  tasks  blob not null
);

-- What happened to a run's tasks (task -1: to the run), in sequence.
create table transitions (
  run        integer not null,
  task       integer not null,
  seq        integer not null,
  state      text not null,
  attempt    integer not null,
  at         integer not null,
  started_at integer not null,
  skip       text,
  problem    text,
  size       integer not null,
  result     blob
);

create unique index transitions_by_task on transitions (run, task, seq);

-- Wishes that a run, or one of its tasks, be cancelled by its owner.
create table cancels (
  run  text not null,
  task integer not null,
  at   integer not null
);
