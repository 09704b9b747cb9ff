-- What a transition asks a person, or how a question was answered, as JSON.
alter table transitions add column approval text;

-- The answers to questions: asked is the number of the transition that asked.
-- The first one counts. taken is set when a transition has it.
create table answers (
  run    text not null,
  task   integer not null,
  asked  integer not null,
  at     integer not null,
  taken  integer not null default 0,
  answer text not null,
  primary key (run, task, asked)
) without rowid;

create index answers_open on answers (at) where taken = 0;
