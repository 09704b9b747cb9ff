-- What tasks put out while they run: parts of text, in the order in which they
-- came. pos is the place of a part in the log of its task, and at that in the log
-- of its attempt, which log names.
create table logs (
  run     integer not null,
  task    integer not null,
  pos     integer not null,
  element integer not null, -- counted from 1; 0: none
  attempt integer not null,
  log     integer not null,
  at      integer not null,
  size    integer not null,
  text    blob not null
);

create unique index logs_by_place on logs (run, task, pos);
create index logs_by_attempt on logs (run, task, log, at);
