-- The most followers that somebody ever had: whose posts are pulled into home timelines stays so when followers go.

ALTER TABLE profiles ADD COLUMN most_followers INTEGER NOT NULL DEFAULT 0;
UPDATE profiles SET most_followers = followers;
