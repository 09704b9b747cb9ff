-- The run whose task started this one.
alter table trees add column parent text;
