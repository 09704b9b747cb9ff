-- What tasks put out while they run: parts of text, in the order in which they
-- came. pos is the place of a part in the log of its task, and at that in the log
-- of its attempt, which log names. element is counted from 1, and 0 is none.
create table chainwright.logs (
  run     bigint not null,
  task    integer not null,
  pos     bigint not null,
  element integer not null,
  attempt integer not null,
  log     bigint not null,
  at      bigint not null,
  size    integer not null,
  text    bytea not null,
  primary key (run, task, log, at)
);

create index logs_by_place on chainwright.logs (run, task, pos);
