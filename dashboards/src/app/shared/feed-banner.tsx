import { clockText } from '../format/age.ts';
import type { FeedLink } from '../store/feed.ts';

/** Says that what is below is old. Never closes while it is true. */
export function FeedBanner(props: { readonly link: FeedLink; readonly plain?: boolean }) {
  const { link, plain = false } = props;
  if (link.kind === 'silent') {
    return (
      <p className="feed-banner" role="alert" data-kind="silent">
        {plain
          ? `No news since ${clockText(link.silentSinceMs)} - what you see below is not current.`
          : `Feed silent since ${clockText(link.silentSinceMs)} - numbers below are not current`}
        {link.reconnecting && <span className="feed-banner-more"> · trying to reconnect</span>}
      </p>
    );
  }
  if (link.kind === 'resuming') {
    return (
      <p className="feed-banner" role="status" data-kind="resuming">
        {plain ? 'Reconnecting' : `Reconnecting - numbers as of ${clockText(link.silentSinceMs)}`}
      </p>
    );
  }
  return null;
}
