create table products (
  id     bigint generated always as identity primary key,
  name   text not null,
  price  numeric(10,2) not null,
  stock  integer not null
);
-- Updates and deletes then carry the row as it was, and the function can say what changed.
alter table products replica identity full;

insert into products (name, price, stock) values
  ('Walnut desk', 349.00, 12),
  ('Reading lamp', 59.90, 40),
  ('Office chair', 219.00, 7),
  ('Bookshelf', 129.50, 19),
  ('Footrest', 34.00, 88);
