-- What the request that started or retried a run forbids its calls, as JSON.
alter table runs add column within text;
