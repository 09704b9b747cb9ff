-- What a transition asks a person, or how a question was answered, as JSON.
alter table chainwright.transitions add column approval text not null default '';

-- The answers to questions: asked is the number of the transition that asked.
-- The first one counts. taken is set when a transition has it.
create table chainwright.answers (
  run    text not null,
  task   integer not null,
  asked  bigint not null,
  at     bigint not null,
  taken  boolean not null default false,
  answer text not null,
  primary key (run, task, asked)
);

create index answers_open on chainwright.answers (at) where not taken;
