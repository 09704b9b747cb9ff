-- What the request that started or retried a run forbids its calls, as JSON.
alter table chainwright.runs add column within text not null default '';
