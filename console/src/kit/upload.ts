/** Sends a form with files. Not by `fetch`, which cannot tell how far it is. */
import { ApiError, type Envelope, readEnvelope } from "./http";
import { currentLocaleTag } from "./i18n";

/** Answers the `data` of the envelope. `onProgress` gets whole percents. Raises `ApiError` for everything else. */
export function uploadForm<T>(
  path: string,
  form: FormData,
  onProgress: (percent: number) => void = () => {},
  signal?: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("X-Locale", currentLocaleTag());
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(Math.floor((event.loaded / event.total) * 100));
    };
    request.onerror = () => reject(new ApiError("", 0, "network"));
    request.onabort = () => reject(signal?.reason);
    request.onload = () => {
      const failure = readEnvelope(parse<T>(request.responseText), request.status);
      if (failure instanceof ApiError) reject(failure);
      else resolve(failure.data);
    };
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}

function parse<T>(text: string): Envelope<T> | null {
  try {
    return JSON.parse(text) as Envelope<T>;
  } catch {
    return null;
  }
}
