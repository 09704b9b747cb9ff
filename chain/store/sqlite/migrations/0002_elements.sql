-- Elements of a for_each have transitions of their own: element is counted
-- from 1, and 0 is the task as a whole. generation is set where a person's
-- retry starts a task over: elements recorded before it no longer count.
-- next_at is when the attempt after a failed one starts.
alter table transitions add column element integer not null default 0;
alter table transitions add column generation integer not null default 0;
alter table transitions add column next_at integer not null default 0;

-- What a run was started under: digests of the policy and of the configuration
-- file, the trace that it belongs to (traceparent), and labels as JSON.
alter table runs add column policy text;
alter table runs add column config text;
alter table runs add column trace text;
alter table runs add column labels text;
