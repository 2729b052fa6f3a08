import { get, post, put, remove } from "../../kit/http";

export interface Provider {
  id: string;
  name: string;
  base_url: string;
  api_keys: string[];
  model: string;
  max_tokens: number | null;
  max_model_len: number | null;
  temperature: number | null;
  supports_multimodal: boolean;
  is_default: boolean;
  access: "owner" | "admin" | "system";
}

export interface ProviderDraft {
  name?: string;
  base_url: string;
  api_keys: string[];
  model: string;
  max_tokens: number | null;
  max_model_len: number | null;
  temperature: number | null;
  supports_multimodal: boolean;
  is_default?: boolean;
}

export interface VisionResult {
  supports_multimodal: boolean;
  recognized: boolean;
  response?: string;
  error?: string;
}

const PREFIX = "/api/llm-provider";
const path = (action: string, id: string) => `${PREFIX}/${action}/${encodeURIComponent(id)}`;

export const listProviders = () => get<Provider[]>(`${PREFIX}/list?include=system`);
export const createProvider = (draft: ProviderDraft) => post<Provider>(`${PREFIX}/create`, draft);
export const updateProvider = (id: string, draft: Partial<ProviderDraft>) =>
  put<Provider>(path("update", id), draft);
export const deleteProvider = (id: string) => remove<unknown>(path("delete", id));

/** `providerId` tells whose stored key a masked key stands for. */
export const verifyProvider = (draft: ProviderDraft, providerId?: string) =>
  post<{ model: string; latency_ms: number }>(`${PREFIX}/verify`, { ...draft, provider_id: providerId });
export const verifyVision = (draft: ProviderDraft, providerId?: string) =>
  post<VisionResult>(`${PREFIX}/verify-multimodal`, { ...draft, provider_id: providerId });
